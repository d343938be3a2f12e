"""Turns the published fonts into the two files that the window embeds. `make` beside this file calls it; README.md says why.

usage: build.py INTER_VARIABLE.woff2 JETBRAINS_MONO_REGULAR.ttf FOLDER
"""

import sys
from io import BytesIO
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

# What text needs to be set correctly. Left out on purpose: `calt`, which would draw `->` as an arrow and `!=` as one sign,
# and every feature that only applies when asked for, since the window asks for none.
FEATURES = ["ccmp", "locl", "kern", "mark", "mkmk"]
DIGITS = "0123456789"


def reloaded(font: TTFont) -> TTFont:
    """The same font as a file would have it; the subsetter wants the table of variations whole."""
    file = BytesIO()
    font.save(file)
    file.seek(0)
    return TTFont(file, recalcTimestamp=False)


def tabular_glyphs(font: TTFont) -> dict[str, str]:
    """The glyph that the feature `tnum` puts in the place of each digit's glyph."""
    gsub = font["GSUB"].table
    lookups = {
        index
        for record in gsub.FeatureList.FeatureRecord
        if record.FeatureTag == "tnum"
        for index in record.Feature.LookupListIndex
    }
    found: dict[str, str] = {}
    for index in sorted(lookups):
        for table in gsub.LookupList.Lookup[index].SubTable:
            found.update(getattr(table, "ExtSubTable", table).mapping)
    return found


def remap_digits(font: TTFont) -> None:
    """Points the character map's ten digits at their tabular glyphs."""
    tabular = tabular_glyphs(font)
    # Two tables of the map may share one dictionary, which is changed once.
    for cmap in {id(table.cmap): table.cmap for table in font["cmap"].tables}.values():
        for digit in DIGITS:
            cmap[ord(digit)] = tabular[cmap[ord(digit)]]


def subset(font: TTFont) -> None:
    """Keeps every character and drops the features that are not in FEATURES, with the glyphs that only they reach."""
    options = Options()
    options.layout_features = FEATURES
    options.name_IDs = ["*"]
    options.name_languages = ["*"]
    options.notdef_outline = True
    options.glyph_names = False
    options.hinting = False
    options.recalc_timestamp = False
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=font.getBestCmap().keys())
    subsetter.subset(font)


def sign(font: TTFont, change: str) -> None:
    """Says in the font's own version string that this is a changed version."""
    for record in font["name"].names:
        if record.nameID == 5:
            record.string = f"{record.toUnicode()}; changed for Privicore Monitor: {change}"


def check(path: Path, characters: set[int]) -> None:
    """Stops the build when a promise of README.md does not hold."""
    font = TTFont(path)
    cmap = font.getBestCmap()
    assert set(cmap) == characters, f"{path.name}: the characters differ from the source's"
    widths = {font["hmtx"][cmap[ord(digit)]][0] for digit in DIGITS}
    assert len(widths) == 1, f"{path.name}: the digits have {len(widths)} widths"
    tags = {record.FeatureTag for record in font["GSUB"].table.FeatureList.FeatureRecord}
    assert tags <= set(FEATURES), f"{path.name}: features left: {tags}"


def build_inter(source: str, target: Path) -> None:
    """Inter, variable in weight, with digits of one width."""
    font = TTFont(source, recalcTimestamp=False)
    characters = set(font.getBestCmap())
    # 14 is the optical size that the window's text asks for, and the axis' default.
    font = reloaded(instantiateVariableFont(font, {"opsz": 14}))
    remap_digits(font)
    subset(font)
    sign(font, "tabular digits, no contextual alternates, one optical size")
    font.flavor = None
    font.save(target)
    check(target, characters)
    axes = [(axis.axisTag, axis.minValue, axis.maxValue) for axis in TTFont(target)["fvar"].axes]
    assert axes == [("wght", 100.0, 900.0)], f"{target.name}: the axes are {axes}"


def build_jetbrains_mono(source: str, target: Path) -> None:
    """JetBrains Mono without its programming ligatures."""
    font = TTFont(source, recalcTimestamp=False)
    characters = set(font.getBestCmap())
    subset(font)
    sign(font, "no ligatures")
    font.save(target)
    check(target, characters)
    saved = TTFont(target)
    assert {saved["hmtx"][glyph][0] for glyph in saved.getBestCmap().values()} <= {0, 600}, f"{target.name}: not monospaced"


if __name__ == "__main__":
    inter, mono, folder = sys.argv[1:]
    build_inter(inter, Path(folder) / "InterVariable.ttf")
    build_jetbrains_mono(mono, Path(folder) / "JetBrainsMono-Regular.ttf")
