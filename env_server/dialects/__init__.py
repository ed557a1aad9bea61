"""Dialects: other people's APIs over the native service, each in its own file."""

from __future__ import annotations

from env_server.dialects.asearcher import ASEARCHER
from env_server.dialects.bing import BING
from env_server.dialects.brave import BRAVE
from env_server.dialects.browsecomp_plus import BROWSECOMP_PLUS
from env_server.dialects.custom import CUSTOM
from env_server.dialects.ddg import DDG
from env_server.dialects.deepresearchgym import DEEPRESEARCHGYM
from env_server.dialects.deeptracehub import DEEPTRACEHUB
from env_server.dialects.dialect import Dialect
from env_server.dialects.dr_venus import DR_VENUS
from env_server.dialects.exa import EXA
from env_server.dialects.firecrawl import FIRECRAWL
from env_server.dialects.foldagent import FOLDAGENT
from env_server.dialects.jina import JINA
from env_server.dialects.literesearcher import LITERESEARCHER
from env_server.dialects.mcp import MCP
from env_server.dialects.nemo_gym import NEMO_GYM
from env_server.dialects.openresearcher import OPENRESEARCHER
from env_server.dialects.origin import ORIGIN
from env_server.dialects.pyserini import PYSERINI
from env_server.dialects.retrieve import RETRIEVE
from env_server.dialects.rllm import RLLM
from env_server.dialects.searxng import SEARXNG
from env_server.dialects.serpapi import SERPAPI
from env_server.dialects.serper import SERPER
from env_server.dialects.tavily import TAVILY
from env_server.dialects.uniagent import UNI_AGENT

_ALL: tuple[Dialect, ...] = (
    ASEARCHER,
    BING,
    BRAVE,
    BROWSECOMP_PLUS,
    CUSTOM,
    DDG,
    DEEPRESEARCHGYM,
    DEEPTRACEHUB,
    DR_VENUS,
    EXA,
    FIRECRAWL,
    FOLDAGENT,
    JINA,
    LITERESEARCHER,
    MCP,
    NEMO_GYM,
    OPENRESEARCHER,
    ORIGIN,
    PYSERINI,
    RETRIEVE,
    RLLM,
    SEARXNG,
    SERPAPI,
    SERPER,
    TAVILY,
    UNI_AGENT,
)

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in _ALL}
"""By name, which is the prefix too."""
