"""How much of a relation there is, in words: the length of one border, one customer's share, one faith's believers.

A line is "relation | ways to say it", as in `english_facts`, with {} where the amount stands. Only what is here is
asked for (`predicates.MEASURED`).
"""

from __future__ import annotations

ENGLISH = """
borders | shares {} of border with (one neighbour|one of its neighbours|a single neighbour);
    has {} of common border with (one neighbour|a single neighbour|another land);
    has, with one of its neighbours, a border of {}; borders one of its neighbours over a length of {}
exports_to | (sends|ships|sells) {} of its exports to (one country|a single country|one of its main customers);
    has a customer abroad that takes {} of its exports; has one export partner with a share of {}
export_partner_of | takes {} of all that (one country|another country|a certain country) exports;
    is the destination of {} of (one country's|another country's) exports
imports_from | (gets|buys|receives) {} of its imports from (one country|a single country|one of its main suppliers);
    has a supplier abroad that provides {} of its imports; has one import partner with a share of {}
import_partner_of | provides {} of all that (one country|another country|a certain country) imports;
    is the source of {} of (one country's|another country's) imports
ethnic_group | has an ethnic group that makes up {} of its people; counts {} of its people to one ethnic group;
    has one ethnic group with a share of {} of the inhabitants
religion | has a religion that {} of its people (follow|profess|hold to); counts {} of its people to one religion;
    has one faith with a share of {} of the inhabitants
language | has a language that {} of its people speak; has {} of its people speaking one language
river | has a major river that is {} long; is crossed or bounded by a major river with a length of {}
lake | has a major lake (with an area|with a surface) of {}; has a major lake that covers {}
"""

CHINESE = """
borders | 与某个邻国的边界长度{}; 同一个邻国的共同边界长度{}; 和其中一个邻国的陆地边界长度{}
exports_to | 对某一个国家的出口占其出口的比例{}; 有一个出口伙伴所占的份额{}
export_partner_of | 在某个国家的出口中所占的份额{}; 占另一个国家出口的比例{}
imports_from | 从某一个国家的进口占其进口的比例{}; 有一个进口来源所占的份额{}
import_partner_of | 在某个国家的进口中所占的份额{}; 占另一个国家进口的比例{}
ethnic_group | 有一个民族占其人口的比例{}; 其中一个民族的人口份额{}
religion | 有一种宗教的信徒占其人口的比例{}; 其中一种宗教的信众份额{}
language | 有一种语言的使用者占其人口的比例{}; 其中一种语言的使用者份额{}
river | 有一条主要河流的长度{}; 境内或边界上有一条主要河流，其长度{}
lake | 有一个主要湖泊的面积{}; 拥有一个主要湖泊，其面积{}
"""
