"""Words that say little about where in a repository something is."""

_NOISE_WORDS = (
    "a an and are as at be but by for from has have if in into is it its not of on or that "
    "the their then there these they this to was we were when where which will with would "
    "can could should do does did no so than too very just also after before use used uses "
    "using make makes made fix fixes fixed add adds added remove removed change changes "
    "changed now new only instead some any more all other code file files line lines via "
    "see due what how why i you your our allow support update updated introduce improve "
    "refactor feat perf chore without while because since return returns true false none "
    "null self def class import function please want need my me let lets get gets way able"
)
NOISE = frozenset(_NOISE_WORDS.split())
"""Never looked for, unless as parts of an identifier."""

_VAGUE_WORDS = (
    "bug bugs comment comments documentation document documented docs doc break breaks "
    "breaking broken issue issues problem problems pass passes passed passing commit "
    "commits original originally include includes including included multiple both allows "
    "allowed allowing long longer same don doesn didn isn wasn won re ve ll non prevent "
    "prevents out case cases missing missed miss one being implement implements "
    "implementation implemented always avoid avoids avoided found replace replaced like up "
    "clean cleanup cleaner cleaned cleaning possible correct correctly proper properly "
    "better ensure ensures ensured never still again actually currently previously really "
    "already etc improved improves improvement improving introduced introduces supporting "
    "supported supports updates updating changing adding removes removing fixing refactored "
    "refactoring moved move moves tests tested testing test about above across against "
    "almost along among another anything around away been behind below beside besides "
    "between beyond come comes coming different done down during each either else enough "
    "even ever every everything fine give gives given go goes going gone good gave half "
    "hence her here his however inside keep keeps kept know known less little looks looked "
    "looking look many may maybe might mine most much must neither nobody nor nothing often "
    "off once onto otherwise ought ours outside over own perhaps quite rather said say says "
    "seem seems seen several shall she somebody something sometimes somewhere such sure "
    "take taken takes taking tell tells them think thinks though three through thus till "
    "together towards tries tried try trying two under until upon us usually wanted wants "
    "well went whatever whenever wherever whether whichever who whole whom whose within "
    "wrong yet needs needed happen happens happened thing things bit lot lots"
)
VAGUE = frozenset(_VAGUE_WORDS.split())
"""Looked for, but with little weight: measured on messages of commits, files that hold such a word
were hardly more often those that the commit changed than files without it."""
