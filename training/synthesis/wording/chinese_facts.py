"""Chinese for what the Factbook and a generated world say, in the form of `english_facts`.

Phrases are predicates without a subject; a leading 的 hangs on the subject.
Numbers are "relation | noun | more/less | unit"; the realiser says them.
"""

from __future__ import annotations

JOINED = """
borders | 与{}接壤; 与{}在陆地上相邻; 和{}有(共同的陆地边界|陆上边界); 同{}(山水相连|陆地相接); 的陆上邻国包括{}
exports_to | 的(五大|五个主要)(出口伙伴|出口目的地|出口市场)包括{}; 把{}列为(五大|五个主要)(出口伙伴|出口市场)之一;
    的出口主要流向五处，其一是{}; 以{}为(五大|前五位)(出口市场|出口对象)之一
export_partner_of | 是{}的(五大|五个主要|前五位)(出口伙伴|出口市场|出口目的地)之一;
    位列{}(五大|前五)出口(伙伴|市场)之中; 属于{}的(五大|五个主要)出口(对象|市场)之列
imports_from | 的(五大|五个主要)(进口伙伴|进口来源|供应方)包括{}; 把{}列为(五大|五个主要)(进口伙伴|进口来源)之一;
    的进口主要来自五处，其一是{}; 以{}为(五大|前五位)(进口来源|供应方)之一
import_partner_of | 是{}的(五大|五个主要|前五位)(进口伙伴|进口来源|供应方)之一; 位列{}(五大|前五)进口(伙伴|来源)之中;
    属于{}的(五大|五个主要)进口(来源|供货方)之列
independent_from | 脱离{}而独立; 从{}(获得|取得)独立; 曾受{}统治，后来独立; 摆脱{}的统治而独立
former_ruler_of | 曾经统治{}，直到后者独立; 是{}独立时所脱离的国家; 曾是{}独立以前的宗主国; 在{}独立以前统治过那里
dependency_of | 是{}的属地; 作为属地归{}管辖; 以属地的身份隶属于{}
has_dependency | 拥有属地{}; 的属地包括{}; 对{}行使主权; 把{}作为属地管辖
shares_river_with | 与{}共有一条(大河|主要河流); 和{}同在一条(大河|主要河流)的流域; 同{}分享一条主要河流
shares_lake_with | 与{}共有一个(大湖|主要湖泊); 和{}同临一个(大湖|主要湖泊); 同{}分享一个主要湖泊
part_of | 是{}的一部分; 属于{}; 位于{}境内; 是{}的一个地区
has_region | 下辖地区{}; 的地区包括{}; 境内有地区{}
capital_of | 是{}的首都; 作为{}的首都; 充当{}的首都
has_capital | 的首都是{}; 以{}为首都; 定都于{}
in_region | 位于地区{}; 地处{}; 属于地区{}; 坐落在{}境内
has_town | 境内有城镇{}; 的城镇包括{}; 拥有城镇{}
on_river | (坐落在|位于){}岸边; 临{}而建; 有{}流过
flows_through | 流经{}; 从{}穿过; 途经{}; 灌溉着{}
rises_in | 发源于{}; 的源头在{}; 从{}发源
source_of | 是{}的发源地; 境内有{}的源头; 孕育了{}
born_in | 出生于{}; 生在{}; 的出生地是{}
birthplace_of | 是{}的出生地; 是{}出生的地方; 见证了{}的出生
lives_in | 定居于{}; 把家安在{}; 居住在{}
home_of | 是{}的居住地; 是{}安家的地方; 的居民中有{}
educated_at | 曾就读于{}; 在{}上过学; 毕业于{}; 求学于{}
alma_mater_of | 是{}的母校; 培养了{}; 的毕业生包括{}
works_for | 曾任职于{}; 在{}工作过; 曾为{}工作
employs | 曾聘用{}; 的(员工|雇员)中有过{}; 雇用过{}
member_of | 是{}的成员; 加入了{}; 属于{}的会员
has_member | 的成员包括{}; 有{}这位成员; 吸收了{}为会员
student_of | 师从{}; 是{}的学生; 受教于{}
teacher_of | 是{}的老师; 教过{}; 的学生包括{}
founded | 创立了{}; 创办了{}; 是{}的创始人
founded_by | 由{}创立; 由{}创办; 的创始人是{}
received | 获得过{}; 得过{}; 曾被授予{}
received_by | 曾颁给{}; 授予过{}; 的得主包括{}
took_part_in | 参加过{}; 出席过{}; 曾到{}做客
had_guest | 曾邀请{}到场; 的来宾包括{}; 接待过{}
based_in | 总部设在{}; 设在{}; 以{}为所在地; 坐落于{}
seat_of | 是{}的所在地; 是{}的总部所在; 境内设有{}
owned_by | 归{}所有; 是{}的子公司; 为{}所拥有
owns | 拥有{}; 是{}的所有者; 旗下有{}
sponsors | 赞助{}; 是{}的赞助者; 为{}出资
sponsored_by | 由{}赞助; 的赞助者包括{}; 得到{}的资助
held_in | 在{}举行; 的举办地是{}; 每次都在{}举办
hosts | 是{}的举办地; 举办{}; 承办{}
presented_at | 在{}上颁发; 的颁奖场合是{}; 于{}期间颁出
presents | 是颁发{}的场合; 期间颁发{}; 上会颁出{}
given_by | 由{}颁发; 的颁发者是{}; 由{}授予
gives | 颁发{}; 是{}的颁发者; 负责授予{}
created_by/was created by | 由{}创作; 出自{}之手; 的作者是{}; 是{}的作品
created/created | 创作了{}; 是{}的作者; 写出或画出了{}
created_by/is a work by | 由{}创作; 出自{}之手; 的作者是{}
created/is the artist of | 创作了{}; 是{}的作者
depicts | 以{}为背景或题材; 取材于{}; 描绘了{}
depicted_in | 是{}的背景或题材; 出现在{}里; 在{}中得到描绘
held_by | 收藏于{}; 是{}的藏品; 陈列在{}
holds | 收藏着{}; 的藏品包括{}; 陈列着{}
published_by | 由{}出版; 的出版方是{}; 经{}出版
publishes | 出版了{}; 是{}的出版方; 的出版物包括{}
premiered_at | 在{}上首演; 在{}首次亮相; 的首映场合是{}
saw_premiere_of | 首演了{}; 是{}首次亮相的场合; 上首次展示了{}
inspired_by | 受到{}的启发; 的灵感来自{}; 从{}得到灵感
inspired | 启发了{}; 是{}的灵感来源; 给了{}灵感
launched_at | 在{}上发布; 在{}首次推出; 的发布场合是{}
saw_launch_of | 上发布了{}; 是{}的发布场合; 首次推出了{}
written_by | 由{}撰写; 的作者包括{}; 是{}的论文
wrote | 撰写了{}; 是{}的作者之一; 发表了{}
cites | 引用了{}; 参考了{}; 的参考文献包括{}
cited_by | 被{}引用; 是{}的参考文献; 为{}所引用
studies | 研究{}; 以{}为研究对象; 考察了{}
studied_in | 是{}的研究对象; 在{}里得到研究; 被{}考察过
made_by | 由{}制造; 由{}生产; 的制造商是{}; 是{}的产品
makes | 制造{}; 生产{}; 的产品包括{}
designed_by | 由{}设计; 的设计者是{}; 出自{}的设计
designed | 设计了{}; 是{}的设计者; 负责{}的设计
replaces | 取代了{}; 是{}的后继产品; 接替了{}
replaced_by | 被{}取代; 的后继产品是{}; 让位给{}
near | 邻近{}; 离{}不远; 与{}相邻; 在{}附近
twinned_with | 与{}结为友好城镇; 和{}互为姐妹城; 是{}的姐妹城
collaborated_with | 与{}合作过; 曾和{}共事; 同{}有过合作
married_to | 与{}结了婚; 是{}的配偶; 和{}是夫妻
partner_of | 是{}的合作伙伴; 与{}有伙伴关系; 和{}结为商业伙伴
"""

WORDS = """
language | 有人讲{}; 的语言包括{}; 境内有人使用{}; 通行的语言里有{}
official_language | 以{}为官方语言; 的官方语言包括{}; 承认{}为官方语言; 把{}定为官方语言
religion | 的宗教包括{}; 有信奉{}的居民; 的宗教群体中有{}
ethnic_group | 的族群包括{}; 居民中有{}这一族群; 是{}人群的家园之一
farm_product | 的主要农产品包括{}; 出产{}; 的农产品名单上有{}; 的农业生产{}
natural_resource | 的自然资源包括{}; 拥有{}这种自然资源; 的资源名单上有{}
export_good | 的(五大|主要)出口商品包括{}; 主要出口{}等五类商品; 把{}列为五大出口商品之一
import_good | 的(五大|主要)进口商品包括{}; 主要进口{}等五类商品; 把{}列为五大进口商品之一
industry/has among its industries | 的产业包括{}; 有{}这一产业; 的工业门类里有{}
national_symbol | 以{}为国家象征; 的国家象征包括{}; 把{}当作国家象征
national_color | 的国家代表色包括{}; 以{}为国家代表色之一; 把{}用作国家代表色
hazard | 的自然灾害包括{}; 会遭遇{}; 受到{}的威胁; 可能发生{}
climate | 的气候被描述为{}; 的气候里有“{}”的特点; 至少部分地区气候属{}
terrain | 的地形描述中有“{}”一词; 的地形可以用“{}”来形容; 的地貌包括{}
located_in | 位于{}; 地处{}; 在{}境内
lies_on | 濒临{}; 的海岸面向{}; 有海岸在{}
river | 的主要河流包括{}; 有大河{}; 境内或边界上有{}这条大河
lake | 的主要湖泊包括{}; 有大湖{}; 境内或边界上有{}这个大湖
capital | 的首都是{}; 以{}为首都; 定都{}
government | 的政体是{}; 实行{}; 的政府类型被归为{}
in_organisation | 是{}的成员; 加入了{}; 是国际组织{}的一员
highest_point | 的最高点是{}; 最高处在{}
lowest_point | 的最低点是{}; 最低处在{}
internet_domain | 的互联网国家代码是{}; 使用互联网域名{}
legislature_structure | 的立法机构是{}; 立法机构的结构为{}; 有{}的立法机构
former_state | 脱离已不存在的{}而独立; 从昔日的{}独立出来; 曾属于如今已消失的{}
also_called | 又名{}; 也叫{}
occupation | 的职业是{}; 以{}为业; 从事的职业是{}
known_for | 以{}闻名; 因{}而出名; 有名的是{}
currency | 的货币是{}; 使用货币{}; 以{}为货币
industry | 的业务是{}; 从事{}; 靠{}赚钱
genre | 的体裁是{}; 属于{}这一类; 归入{}一类
month_held | 在{}举行; 每年{}举办; 的会期在{}
field | 属于{}领域; 的领域是{}; 涉及{}
medium | 的材质是{}; 用{}制成
series | 属于系列{}; 是系列{}的一部分
era | 属于{}; 的年代是{}
category | 归入类别{}; 的类别是{}
"""

DATES = """
independence | {}独立; {}(获得|取得|宣告)独立; 的独立时间是{}
born_on | {}出生; 生于{}; 的出生时间是{}
died_on | {}去世; {}离世; 的去世时间是{}
founded_on | {}建立; {}成立; 的创立时间是{}
completed_on | {}完成; 的完成时间是{}; {}定稿或完工
first_held | {}首次举办; {}开始举办; 的首届时间是{}
published_on | {}发表; {}出版; 的发表时间是{}
released_on | {}发布; {}上市; 的上市时间是{}
made_in | {}制作; 的制作时间是{}
acquired_in | {}入藏; 的入藏时间是{}
"""

NUMBERS = """
area | 面积 | 大/小 | km2
land_area | 陆地面积 | 大/小 | km2
water_area | 内陆水域面积 | 大/小 | km2
coastline | 海岸线长度 | 长/短 | km
border_length | 陆地边界总长 | 长/短 | km
mean_elevation | 平均海拔 | 高/低 | m
forest_share | 森林覆盖率 | 高/低 | percent
farmland_share | 农业用地比例 | 高/低 | percent
arable_share | 耕地比例 | 高/低 | percent
irrigated_land | 灌溉面积 | 大/小 | km2
population | 人口 | 多/少 | persons
population_growth | 人口年增长率 | 高/低 | percent
birth_rate | 每千人年出生数 | 高/低 | births
death_rate | 每千人年死亡数 | 高/低 | deaths
net_migration | 每千人净迁入数 | 高/低 | migrants
fertility | 每名妇女平均生育数 | 高/低 | children
median_age | 年龄中位数 | 高/低 | years
life_expectancy | 出生时预期寿命 | 高/低 | years
infant_mortality | 每千名活产婴儿死亡数 | 高/低 | deaths
urban_share | 城镇人口比例 | 高/低 | percent
literacy | 识字率 | 高/低 | percent
obesity | 成人肥胖率 | 高/低 | percent
gdp_ppp | 按购买力平价计算的国内生产总值 | 高/低 | usd
gdp_growth | 国内生产总值增长率 | 高/低 | percent
gdp_per_capita | 人均国内生产总值 | 高/低 | usd
gdp | 按官方汇率计算的国内生产总值 | 高/低 | usd
inflation | 通货膨胀率 | 高/低 | percent
unemployment | 失业率 | 高/低 | percent
exports | 出口额 | 高/低 | usd
imports | 进口额 | 高/低 | usd
public_debt | 公共债务占国内生产总值的比例 | 高/低 | percent
military_spending | 军费占国内生产总值的比例 | 高/低 | percent
gini | 基尼指数 | 高/低 |
internet_users | 网民比例 | 高/低 | percent
airports | 机场数量 | 多/少 | count
heliports | 直升机场数量 | 多/少 | count
railways | 铁路总长 | 长/短 | km
merchant_ships | 商船数量 | 多/少 | count
ports | 港口数量 | 多/少 | count
physicians | 每千人医生数 | 高/低 | physicians
heritage_sites | 世界遗产数量 | 多/少 | count
mobile_subscriptions | 移动电话用户数 | 多/少 | count
highest_elevation | 最高点海拔 | 高/低 | m
lowest_elevation | 最低点海拔 | 高/低 | m
latitude | 纬度 | 高/低 | degrees
longitude | 经度 | 高/低 | degrees
capital_latitude | 首都纬度 | 高/低 | degrees
capital_longitude | 首都经度 | 高/低 | degrees
works_held | 馆藏作品数 | 多/少 | count
works_depicting | 描绘它的作品数 | 多/少 | count
elevation | 海拔 | 高/低 | m
length | 长度 | 长/短 | km
employees | 员工人数 | 多/少 | persons
students | 学生人数 | 多/少 | persons
visitors | 每年参观人数 | 多/少 | persons
membership | 会员人数 | 多/少 | persons
page_count | 页数 | 多/少 | pages
running_time | 时长 | 长/短 | min
attendance | 到场人数 | 多/少 | persons
prize_money | 奖金 | 多/少 | usd
citation_count | 被引次数 | 多/少 | count
price | 价格 | 高/低 | usd
weight | 重量 | 大/小 | g
"""
