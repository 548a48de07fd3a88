"""Tables of the United States Postal Service: words of an address, and codes of states.

Streets and units are those of Publication 28, appendix C, with the directions of appendix B and a
few spellings that people use beside them. Each row is the word that stands in a key and, behind
it, what is written for it. Keys have the long word, so that ``Park View`` and ``Parkview``,
``N Ridge`` and ``Northridge`` come to the same.
"""


def _table(rows: str) -> dict[str, str]:
    """Return each spelling of ``word spelling spelling; …`` with the word that it stands for."""
    table = {}
    for row in rows.split(";"):
        word, *spellings = row.split()
        table.update(dict.fromkeys([word, *spellings], word))
    return table


STREETS = _table("""
alley allee ally aly; annex anex annx anx; arcade arc; avenue av ave aven avenu avn avnue;
bayou bayoo byu; beach bch; bend bnd; bluff blf bluf; bluffs blfs; bottom bot bottm btm;
boulevard blv blvd boul boulv bvd; branch br brnch; bridge brdge brg; brook brk; brooks brks;
burg bg; burgs bgs; bypass byp bypa bypas byps; camp cmp cp; canyon canyn cnyn cyn; cape cpe;
causeway causway cswy; center cent centr centre cnter cntr ctr; centers ctrs;
circle cir circ circl crcl crcle; circles cirs; cliff clf; cliffs clfs; club clb; common cmn;
commons cmns; corner cor; corners cors; course crse; court crt ct; courts cts; cove cv;
coves cvs; creek crk; crescent crecent cres cresent crscnt crsent crsnt; crest crst;
crossing crssing crssng xing; crossroad xrd; crossroads xrds; curve curv; dale dl; dam dm;
divide div dv dvd; drives drs; estate est; estates ests; expressway exp expr expw expwy expy;
extension ext extn extnsn; extensions exts; falls fls; ferry frry fry; field fld; fields flds;
flat flt; flats flts; ford frd; fords frds; forest forests frst; forge forg frg; forges frgs;
fork frk; forks frks; fort frt ft; freeway freewy frway frwy fwy; garden gardn gdn grden grdn;
gardens gdns grdns; gateway gatewy gatway gtway gtwy; glen gln; glens glns; green grn;
greens grns; grove grov grv; groves grvs; harbor harb harbr hbr hrbor; harbors hbrs;
haven havn hvn; heights height hgts ht hts; highway hgwy highwy hiway hiwy hway hwy; hill hl;
hills hls; hollow hllw hollows holw holws; inlet inlt; island is islnd; islands islnds iss;
isle isles; junction jct jction jctn junctn juncton; junctions jctns jcts; key ky; keys kys;
knoll knl knol; knolls knls; lake lk; lakes lks; landing lndg lndng; lane lanes ln; light lgt;
lights lgts; loaf lf; lock lck; locks lcks; lodge ldg ldge lodg; loop loops; manor mnr;
manors mnrs; meadow mdw; meadows mdws medows; mill ml; mills mls; mission missn msn mssn;
motorway mtwy; mount mnt mt; mountain mntain mntn mountin mtin mtn; mountains mntns mtns;
neck nck; orchard orch orchrd; oval ovl; overpass opas; park parks pk prk;
parkway parkways parkwy pkway pkwy pkwys pky; passage psge; path paths; pike pikes; pine pne;
pines pnes; place pl; plain pln; plains plaines plns; plaza plz plza; point pt; points pts;
port prt; ports prts; prairie pr prarie prr; radial rad radiel radl; ranch ranches rnch rnchs;
rapid rpd; rapids rpds; rest rst; ridge rdg rdge; ridges rdgs; river riv rivr rvr; road rd;
roads rds; route rt rte; shoal shl; shoals shls; shore shoar shr; shores shoars shrs;
skyway skwy; spring spg spng sprng; springs spgs spngs sprngs; spur spurs;
square sq sqr sqre squ; squares sqrs sqs; station sta statn stn;
stravenue stra strav strave straven stravn strvn strvnue; stream streme strm; streets sts;
summit smt sumit sumitt; terrace ter terr; throughway trwy; trace traces trce;
track tracks trak trk trks; trafficway trfy; trail trails trl trls;
tunnel tunel tunl tunls tunnels tunnl; turnpike tpk tpke trnpk trpk turnpk; underpass upas;
union un; unions uns; valley vally vlly vly; valleys vlys; viaduct vdct via viadct; view vw;
views vws; village vill villag villg villiage vlg; villages vlgs; ville vl;
vista vis vist vst vsta; walk walks; way wy; well wl; wells wls
""")
"""Words of a street's or a town's name, wherever they stand in it."""

# ``St`` is a street and a saint, ``Dr`` a drive and a doctor: which of them would have to be told
# by its place, and both spellings of both come to one key if nobody asks.
STREETS |= _table("st saint street str strt; dr doctor drive driv drv; drives drs")

STREETS |= _table("""
north n; south s so; east e; west w; northeast ne; northwest nw; southeast se; southwest sw
""")

UNITS = frozenset("apt apartment apmt suite ste unit room rm".split())
"""Words before a unit that mean nothing else in an address."""

PERHAPS_UNITS = frozenset(
    "bldg building dept department fl floor flr hngr hangar key level lot lvl nbr no num number "
    "office ofc pier slip space spc stop trailer trlr".split()
)
"""Words before a unit that are part of a street's name as well (``Key``, ``Front``, ``Space``)."""

FLOORS = frozenset("fl floor flr".split())
"""Of these, what stands behind its number as well (``2nd Floor``)."""

UNIT_NAMES = _table("""
basement bsmt; front frnt; lobby lbby; lower lowr; penthouse ph; rear; side; upper uppr
""")
"""Units that have a name and no number."""

_ONES = "first second third fourth fifth sixth seventh eighth ninth".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_TEENS = (
    "tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth "
    "nineteenth".split()
)
ORDINALS = {word: str(number) for number, word in enumerate(_ONES + _TEENS, 1)}
ORDINALS |= {f"{ten[:-1]}ieth": str(number * 10) for number, ten in enumerate(_TENS, 2)}
ORDINALS |= {
    f"{ten}{one}": str(tens * 10 + ones)
    for tens, ten in enumerate(_TENS, 2)
    for ones, one in enumerate(_ONES, 1)
}
"""``first`` to ``ninetyninth``; one that is written in two words is joined before."""

TENS = frozenset(_TENS)
ONES = frozenset(_ONES)

CARDINALS = {
    word: str(number)
    for number, word in enumerate("one two three four five six seven eight nine ten".split(), 1)
}
"""House numbers that are written out (``One Microsoft Way``)."""


def _states(rows: str) -> dict[str, str]:
    """Return code by name of ``code: name, name; …``; the names without spaces and dots."""
    table = {}
    for row in rows.split(";"):
        code, _, names = row.strip().partition(": ")
        for name in [code, *names.split(",")]:
            table["".join(name.split())] = code
    return table


STATES = _states("""
al: alabama, ala; ak: alaska; az: arizona, ariz; ar: arkansas, ark; ca: california, calif, cal;
co: colorado, colo; ct: connecticut, conn; de: delaware, del; fl: florida, fla; ga: georgia;
hi: hawaii; id: idaho; il: illinois, ill; in: indiana, ind; ia: iowa; ks: kansas, kan, kans;
ky: kentucky; la: louisiana; me: maine; md: maryland; ma: massachusetts, mass;
mi: michigan, mich; mn: minnesota, minn; ms: mississippi, miss; mo: missouri; mt: montana, mont;
ne: nebraska, neb, nebr; nv: nevada, nev; nh: new hampshire; nj: new jersey;
nm: new mexico, n mex; ny: new york; nc: north carolina, n carolina; nd: north dakota, n dakota,
n dak; oh: ohio; ok: oklahoma, okla; or: oregon, ore, oreg; pa: pennsylvania, penn, penna;
ri: rhode island; sc: south carolina, s carolina; sd: south dakota, s dakota, s dak;
tn: tennessee, tenn; tx: texas, tex; ut: utah; vt: vermont; va: virginia; wa: washington, wash;
wv: west virginia, w virginia, w va; wi: wisconsin, wis, wisc; wy: wyoming, wyo;
dc: district of columbia, washington dc; pr: puerto rico; gu: guam; vi: virgin islands,
us virgin islands; as: american samoa; mp: northern mariana islands;
aa: armed forces americas; ae: armed forces europe; ap: armed forces pacific;
ab: alberta; bc: british columbia; mb: manitoba; nb: new brunswick;
nl: newfoundland and labrador, newfoundland, labrador, nf; ns: nova scotia;
nt: northwest territories, nwt; nu: nunavut; on: ontario, ont; pe: prince edward island, pei;
qc: quebec, que, pq; sk: saskatchewan, sask; yt: yukon, yukon territory
""")
"""Two-letter codes of the states of the USA and the provinces of Canada, by name and by the
traditional abbreviation; no code means two places."""
