"""Russian in Latin letters, phonetic (1) or by looks ("mpaHc/Ium", 2). A table and nothing else."""

from __future__ import annotations

#: letter, phonetic, by looks
_ROWS = """
а a a
б b 6
в v B
г g r
д d g
е e e
ё jo e
ж zh }|{
з z 3
и i u
й j u
к k k
л l /I
м m M
н n H
о o o
п p n
р r p
с s c
т t m
у u y
ф f qp
х h x
ц c u,
ч ch 4
ш sh w
щ sch w,
ъ '' b
ы y bI
ь ' b
э e 3
ю ju I0
я ja 9I
"""


def _table(column: int) -> dict[int, str]:
    table = {}
    for row in _ROWS.split("\n"):
        if row:
            cells = row.split(" ")
            table[ord(cells[0])] = cells[column]
            table[ord(cells[0].upper())] = cells[column].capitalize() if column == 1 else cells[column]
    return table


_TABLES = {1: _table(1), 2: _table(2)}


def translit(text: str, mode: int) -> str:
    """The text in Latin letters; modes other than 1 and 2 leave it as it is."""
    return text.translate(_TABLES.get(mode, {}))
