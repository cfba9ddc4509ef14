"""Tables of medians: rows and columns of one placement, in figures or as multiples of one row's."""
from performance import text
from performance.records import ABSOLUTE_UP_TO_NS, RULE, Sample, median, telling


def samples_by(records, row, column, field):
    """One sample of each record: its row and column are what the functions say."""
    return [
        Sample(r.round, r.round_trip_ns, r.get(field), row(r), column(r), r.trouble) for r in records if r.get(field) is not None
    ]


def samples_of_fields(records, row, fields):
    """A column for each field."""
    return [sample for name in fields for sample in samples_by(records, row, lambda _, name=name: name, name)]


def relative_to(base, samples):
    """Each as a multiple of the base row's in the same column and round."""
    bases = {(s.column, s.round): s.value for s in samples if s.row == base}
    return [
        Sample(s.round, s.round_trip_ns, s.value / bases[s.column, s.round], s.row, s.column, s.trouble)
        for s in samples
        if bases.get((s.column, s.round))
    ]


def cells_of(samples):
    """{(row, column): samples}"""
    cells = {}
    for sample in samples:
        cells.setdefault((sample.row, sample.column), []).append(sample)
    return cells


def cell_text(samples, form, rule):
    if not samples:
        return "-"
    few = text.FEW if len({s.round for s in samples}) < rule.fewest else ""
    return form(median([s.value for s in samples])) + few + (text.TROUBLE if any(s.trouble for s in samples) else "")


def one_table(samples, corner, columns, rows, form_of, rule):
    cells = cells_of(samples)
    head = [corner] + [label for _, label in columns]
    body = [
        [label] + [cell_text(cells.get((row, column), []), form_of(column), rule) for column, _ in columns]
        for row, label in rows
        if any((row, column) in cells for column, _ in columns)
    ]
    return text.table(head, body)


def in_order(keys):
    """Each once, as they come."""
    return list(dict.fromkeys(keys))


def tables(samples, corner, columns, form_of, base=None, label=str, are_ratios=False, rule=RULE):
    """Paragraphs: a caption and a table for each telling placement. columns: (key, heading). base: (row, its name in a caption).

    are_ratios: the samples are, and stand as they are in any placement.
    """
    rows = [(row, text.plain(label(row))) for row in in_order(s.row for s in samples)]
    paragraphs = []
    for placement in telling(samples, rule):
        caption, runs, form = text.said_of(placement), placement.runs, form_of
        as_it_is = placement.is_absolute or are_ratios
        if not as_it_is and base is None:
            paragraphs.append(f"{caption}: above {ABSOLUTE_UP_TO_NS} ns, and there is nothing to form ratios with: no figures.")
            continue
        if not as_it_is:
            caption += f": above {ABSOLUTE_UP_TO_NS} ns, so ratios only, each a multiple of {base[1]} in the same round"
            runs, form = relative_to(base[0], runs), lambda _: text.times
        paragraphs += [caption + ".", one_table(runs, corner, columns, rows, form, rule)]
    return paragraphs + footnotes(paragraphs, samples, rule)


def footnotes(paragraphs, samples, rule):
    whole, notes = "".join(paragraphs), []
    if text.FEW in whole:
        notes.append(f"{text.FEW} of fewer than {rule.fewest} rounds")
    if text.TROUBLE in whole:
        troubles = in_order(text.plain(s.trouble) for s in samples if s.trouble)
        notes.append(f"{text.TROUBLE} not as asked, and not judged: {'; '.join(troubles)}")
    return ["; ".join(notes) + "."] if notes else []


def for_plot(samples, base, rule=RULE):
    """({row: {column: median}}, True: they are multiples of the base row's), of the placement with most rounds, a close one if there is."""
    groups = sorted(telling(samples, rule), key=lambda group: (not group.is_absolute, -group.rounds, -len(group.runs)))
    if not groups:
        return {}, False
    is_relative = not groups[0].is_absolute
    runs = relative_to(base, groups[0].runs) if is_relative else groups[0].runs
    lines = {row: {} for row in in_order(s.row for s in samples)}
    for (row, column), cell in cells_of(runs).items():
        lines[row][column] = median([s.value for s in cell])
    return {row: line for row, line in lines.items() if line}, is_relative
