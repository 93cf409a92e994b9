"""Word lists of the checks: titles, particles, words that are never names, words no sentence ends on. Pure data."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# First names so frequent that encyclopaedias use them like words.
FREQUENT = words(
    "james john robert michael david richard charles thomas joseph paul george steven edward brian anthony kevin jason"
    " matthew jeff gary timothy jose larry jeffrey scott eric stephen andrew raymond gregory joshua jerry dennis"
    " walter patrick peter harold douglas henry carl arthur ryan roger joe juan jack albert jonathan justin mary"
    " patricia linda barbara elizabeth jennifer maria susan margaret lisa nancy karen betty helen sandra donna carol"
    " ruth sharon michelle laura sarah kimberly jessica anna catherine martha rebecca amanda stephanie daniel"
    " christopher alexander samuel benjamin adam simon philip louis martin oliver lucas felix emma julia alice sophia"
    " emily hannah"
)
TITLES = words(
    "mr mrs ms miss mx dr prof professor herr frau monsieur madame mme mlle señor señora sr sra srta signor signora"
    " senhor senhora sir"
    " lady lord judge justice senator nurse officer sergeant sgt captain capt rev reverend father sister"
)
# Titles that are also ordinary words count only where a full name or a known surname follows.
SOFT_TITLES = words("miss sir lady lord judge justice father sister nurse officer captain rev sr")
PARTICLES = words("van von der den de del della da di dos du le la bin ibn al el ter ten zu")
# Places, institutions and things that are called after people.
NAMED_AFTER = words(
    "street road avenue lane drive park county city town village island islands lake river bay beach mountain hill"
    " hills valley creek falls university college school academy institute institution hospital clinic centre center"
    " foundation trust church cathedral chapel museum library theatre theater hall house hotel tower bridge airport"
    " station building stadium orchestra band company corporation corp inc llc ltd limited group bank partners"
    " associates sons brothers records press magazine times news journal award prize medal cup league syndrome disease"
    " disorder palsy sign test scale score index law act bill theorem effect method equation principle constant"
    " formula street's north south east west united states kingdom republic day week month year eve war battle treaty"
    " party society association national international state federal department ministry agency committee commission"
    " council office court project program programme study studies card account app software server database model"
    " series show film movie game song album book hospice laboratory lymphoma carcinoma tumor tumour anemia anaemia"
    " dystrophy cell cells gland tube virus fever protein gene type stage phase"
)
NEVER = words(
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august"
    " september october november december i the a an in on at to of and or but if when how what who why where which"
    " this that these those my your his her our their we you he she they it is are was were do does did can could will"
    " would shall should please thanks thank yes no not dear hi hello hey good best kind warm regards customer team"
    " all sir madam everyone friend friends colleagues there user assistant human god jesus christmas easter google"
    " apple amazon facebook twitter python java english french german spanish italian american british european"
    " chinese russian indian new great saint st san santa los las la el version chapter section table figure part"
    " question answer note error also then now so such as for from with by"
)
# Words that a sentence does not end on: English, German, French, Spanish, Italian, Dutch.
DANGLING = words(
    "and or but because that which who whose with without the a an of to from for in into on by as than if when while"
    " although however und oder aber weil dass mit ohne der die das ein eine von zu für auf wenn et ou mais parce avec"
    " sans le la les un une des de pour y o pero porque con sin el los las una para e ma perché con senza il gli per"
    " en of maar omdat met zonder het een van voor"
)
