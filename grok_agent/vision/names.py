"""Names of colours in English and Chinese: a small table of our own, searched by CIEDE2000."""

from dataclasses import dataclass

import numpy as np

from grok_agent.vision.colour import Floats, delta_e_2000, from_hex, linear_to_lab


@dataclass(frozen=True)
class ColourName:
    """One named colour."""

    hex: str
    en: str
    zh: str


NAMES: tuple[ColourName, ...] = tuple(
    ColourName(*row.split(",", 2))
    for row in """\
#000000,black,黑色
#16161a,near black,近黑
#2b2b2e,charcoal,炭灰
#4a4a4a,dark grey,深灰
#707070,mid grey,中灰
#969696,grey,灰色
#b8b8b8,silver grey,银灰
#d6d6d6,light grey,浅灰
#f0f0f0,off-white,灰白
#ffffff,white,白色
#3a4048,slate black,石板黑
#5b6670,slate grey,石板灰
#8a97a6,blue grey,蓝灰
#bcc6d0,pale blue grey,浅蓝灰
#4b443e,dark taupe,深褐灰
#7d7268,taupe,褐灰
#a89c8e,warm grey,暖灰
#cdc4b8,greige,米灰
#e8e1d6,linen,亚麻白
#fffaf0,ivory,象牙白
#f5e6c8,cream,奶油色
#e6d3b0,beige,米色
#d2b48c,tan,棕褐色
#c3a06c,khaki,卡其色
#fbe0d0,fair skin tone,白皙肤色
#efc8ac,light skin tone,浅肤色
#d8a482,medium skin tone,中等肤色
#b47d59,tan skin tone,小麦肤色
#8a5a3c,brown,棕色
#5e3b28,dark brown,深棕
#3b251b,espresso,深咖啡色
#2a1a14,brown black,棕黑
#a0522d,sienna,赭色
#b8633b,terracotta,陶土色
#8b4a2b,chestnut,栗色
#c68e4e,caramel,焦糖色
#d9a441,ochre,土黄
#b8860b,dark gold,暗金色
#f0c420,golden yellow,金黄
#ffdf3e,yellow,黄色
#fff3a0,pale yellow,淡黄
#fbb034,amber,琥珀色
#ff8c1a,orange,橙色
#e2571e,burnt orange,焦橙
#c5461a,rust,铁锈色
#ffb78a,peach,桃色
#ff7f5c,coral,珊瑚色
#f08070,salmon,鲑鱼红
#e8352a,bright red,鲜红
#c4161c,red,红色
#96161c,deep red,深红
#6b1220,burgundy,酒红
#3d0f17,dark maroon,暗栗红
#b04048,brick red,砖红
#c98086,dusty rose,灰玫瑰
#f4a6b4,pink,粉色
#fbd5da,pale pink,浅粉
#f0407c,rose red,玫红
#c71585,magenta,品红
#7e2a5c,plum,梅子色
#8c6a86,mauve,藕紫
#d6b8dc,lilac,丁香紫
#b092d0,lavender,薰衣草紫
#8a3fc0,violet,紫罗兰
#5c2a91,purple,紫色
#34205a,deep purple,深紫
#4a4fb0,indigo,靛蓝
#1b1f4b,midnight blue,午夜蓝
#16264f,navy,藏青
#1f3fa0,royal blue,宝蓝
#2563eb,blue,蓝色
#3f6f9f,steel blue,钢蓝
#6d9fd0,cornflower blue,矢车菊蓝
#87cdf0,sky blue,天蓝
#c4e2f3,pale blue,浅蓝
#00b7d8,cyan,青色
#8fe0e0,pale cyan,浅青
#17a2a0,turquoise,绿松石色
#0f6b6f,teal,凫蓝
#0c3b40,dark teal,暗青
#98dcc0,mint,薄荷绿
#35b57a,emerald,翡翠绿
#2e9a3f,green,绿色
#1f6a33,forest green,森林绿
#16351f,dark green,墨绿
#8cc63f,lime green,黄绿
#c7de8f,pale green,嫩绿
#9caf88,sage,鼠尾草绿
#76803a,olive,橄榄绿
#454a28,dark olive,深橄榄
""".splitlines()
)

_LAB: Floats = linear_to_lab(np.array([from_hex(name.hex) for name in NAMES]))


def nearest_name(lab: Floats) -> ColourName:
    """The name nearest to one CIE L*a*b* colour; the first in the table on a tie."""
    return NAMES[int(np.argmin(delta_e_2000(_LAB, lab)))]
