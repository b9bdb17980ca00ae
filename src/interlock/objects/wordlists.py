"""Word lists for finding the same person or company. Data only; normalise.py says how they are used."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Mailboxes of a function, not of a person (RFC 2142, and what sign-up forms meet).
ROLE_NAMES = _words(
    """
    abuse accounting accounts admin administrator billing careers contact customerservice do-not-reply donotreply
    enquiries feedback finance hello help helpdesk hostmaster hr info inquiries invoices it jobs legal mail
    marketing media news newsletter no-reply noc noreply office orders postmaster pr press privacy purchasing
    reception recruiting root sales security service shop spam subscribe support team tech unsubscribe usenet uucp
    webmaster www
    """
)

# Hosts where anybody gets a mailbox: sharing one says nothing about sharing an employer.
FREE_MAIL = _words(
    """
    126.com 139.com 163.com 21cn.com aim.com alice.it aliyun.com aol.com arcor.de bigpond.com bluewin.ch
    bol.com.br btinternet.com centurylink.net charter.net comcast.net cox.net earthlink.net email.com fastmail.com
    fastmail.fm foxmail.com free.fr freemail.hu freenet.de frontier.com gmail.com gmx.at gmx.ch gmx.com gmx.de
    gmx.net googlemail.com hanmail.net hey.com home.nl hotmail.co.uk hotmail.com hotmail.de hotmail.es hotmail.fr
    hotmail.it hushmail.com icloud.com inbox.com inbox.lv interia.pl juno.com kpnmail.nl laposte.net libero.it
    live.co.uk live.com live.de live.fr live.nl mac.com mail.com mail.ru me.com msn.com naver.com netzero.net
    o2.pl onet.pl online.de optonline.net optusnet.com.au orange.fr outlook.com outlook.de outlook.es outlook.fr
    outlook.it pm.me proton.me protonmail.ch protonmail.com qq.com rambler.ru rediffmail.com rocketmail.com
    rogers.com sbcglobal.net seznam.cz sfr.fr shaw.ca sina.com sky.com skynet.be sohu.com sympatico.ca t-online.de
    talktalk.net telenet.be telus.net terra.com.br tiscali.it tuta.com tutanota.com uol.com.br verizon.net
    virgilio.it virginmedia.com wanadoo.fr web.de windstream.net wp.pl xs4all.nl yahoo.ca yahoo.co.in yahoo.co.jp
    yahoo.co.uk yahoo.com yahoo.com.au yahoo.com.br yahoo.de yahoo.es yahoo.fr yahoo.it yandex.com yandex.ru
    yeah.net ymail.com ziggo.nl zoho.com
    """
)

# Hosts on which anybody gets a page: the page is the company's, the domain is not.
SHARED_SITES = _words(
    """
    about.me blogspot.com facebook.com github.io google.com instagram.com linkedin.com linktr.ee medium.com
    myshopify.com pinterest.com tiktok.com tumblr.com twitter.com weebly.com wikipedia.org wixsite.com
    wordpress.com x.com xing.com yelp.com youtube.com
    """
)

# Forms of incorporation, folded (no accents, no dots). `group`, `holding` and countries tell companies apart.
LEGAL_FORMS = _words(
    """
    ab ag aps as asa bv bvba co company corp corporation cv doo dd eg eood ev gbr gesmbh gmbh ggmbh inc
    incorporated kft kg kgaa kk lda limited llc llp lp ltd ltda mbh nv ohg oy oyj plc pllc pte pty ptyltd pvt sa
    sab sapi sarl sas sasu sca scs se sia sl slu snc sp spa spzoo srl sro srls tbk ug uab vof zrt zoo
    """
)

# Forms of several words, of which some alone are none.
LEGAL_PHRASES = (
    ("sp", "z", "oo"),
    ("spolka", "z", "oo"),
    ("sa", "de", "cv"),
    ("sapi", "de", "cv"),
    ("s", "de", "rl", "de", "cv"),
)

# Before and after a person's name.
TITLES = _words(
    """
    dr frau herr ing madame mag miss mlle mme mr mrs ms mx prof professor sir
    """
)
NAME_SUFFIXES = _words(
    """
    bsc cpa esq ii iii iv jd jnr jr llm ma mba md msc phd snr sr
    """
)

# First names and what they are shortened to, a group a line; a name may stand in several.
_SHORT_NAMES = """
abigail abby gail
albert al bert
alexander alexandra alex alec sandy sasha
alfred alf fred freddie
andrew andy drew
anthony antony tony
barbara barb babs
benjamin ben benny
bernard bernie
catherine katherine kathryn cathy kathy kate katie kat
charles charlie chuck
christina christine chris tina
christopher chris kit topher
daniel dan danny
david dave davy
deborah debbie deb
donald don donnie
dorothy dot dottie
edward ed eddie ted ned
eleanor nell ellie nora
elizabeth liz lizzie beth betty eliza lisa libby
eugene gene
frances fran
francis frank
frederick fred freddie
gabriel gabriela gabriella gabe
george georgie
gerald gerry jerry
gregory greg
harold harry hal
henry harry hank
isabella isabelle isabel bella izzy
jacob jake
james jim jimmy jamie
janet jan
jeffrey geoffrey jeff geoff
jennifer jen jenny
jessica jess jessie
john jack johnny jon
jonathan jon jonny
joseph joe joey
joshua josh
judith judy
kenneth ken kenny
kimberly kim
lawrence laurence larry
leonard leo len lenny
margaret maggie meg peggy greta
matthew matt
maximilian max
michael mike mick mickey
nathaniel nathan nat nate
nicholas nicolas nick nicky
oliver ollie
pamela pam
patricia pat patty tricia trish
patrick pat paddy
peter pete
philip phillip phil
rachel rachael rach
raymond ray
rebecca becky becca
richard rich rick dick
robert rob bob bobby robbie bert
ronald ron ronnie
rosemary rose rosie
samuel samantha sam sammy
sarah sara sally
sebastian seb bastian
stephen steven steve
susan suzanne sue susie
theodore ted teddy theo
theresa teresa terry tess
thomas tom tommy
timothy tim
victoria vicky tori
vincent vince vinny
walter walt wally
william will bill billy liam
zachary zach zack
"""


def _groups(text: str) -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for number, line in enumerate(text.strip().splitlines()):
        for name in line.split():
            found.setdefault(name, set()).add(number)
    return {name: frozenset(numbers) for name, numbers in found.items()}


# Name -> the groups that it is in: two names with a group in common may be one person's.
SHORT_NAMES = _groups(_SHORT_NAMES)
