"""docs/conformance.md and the golden cases name the same requirements: each
identifier of a case has a row that says so, and each such row has its cases.
"""

import pathlib
import re
import unittest

PAGE = pathlib.Path("docs/conformance.md")
GOLDEN = pathlib.Path("test/golden")
# "U-03a", "I-04abc", "CT-01..120"; part of a case's name: "U-02-C-02-one".
IDENTIFIER = re.compile(
    r"(?:U|T|I|C|CT|F4|F6|A|ND)-\d+(?:\.\.\d+)?[a-z]*(?![A-Za-z0-9])")
CASE = re.compile(r"^(?:case|twin) (\S+)", re.MULTILINE)
LEVELS = {"MUST", "SHOULD", "MAY", "-"}
RESULTS = {"met", "exception", "not tested here", "not applicable"}


def identifiers(name):
    """Returns the identifiers that a case's name begins with."""
    found = []
    while match := IDENTIFIER.match(name):
        found.append(match.group())
        name = name[match.end():].removeprefix("-")
    return found


def cases_by_identifier():
    """Returns the cases of every golden file, by identifier."""
    cases = {}
    for path in sorted(GOLDEN.glob("*/*.golden")):
        for name in CASE.findall(path.read_text(encoding="utf-8")):
            for identifier in identifiers(name):
                cases.setdefault(identifier, []).append(f"{path.name}: {name}")
    return cases


def rows():
    """Returns the rows of the page's tables: lists of cells."""
    result = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        if line.startswith("|") and IDENTIFIER.match(cells[0]):
            result.append(cells)
    return result


class ConformanceTest(unittest.TestCase):
    """The page tells the truth about the tests."""

    def test_rows_are_well_formed(self):
        seen = set()
        for cells in rows():
            self.assertEqual(len(cells), 5, cells)
            self.assertRegex(cells[0], f"^{IDENTIFIER.pattern}$")
            self.assertNotIn(cells[0], seen, "two rows")
            self.assertIn(cells[2], LEVELS, cells[0])
            self.assertIn(cells[4], RESULTS, cells[0])
            seen.add(cells[0])
        self.assertGreater(len(seen), 60)

    def test_rows_that_name_golden_cases_have_some(self):
        cases = cases_by_identifier()
        for identifier, _, _, tests, _ in rows():
            if "golden" in tests.split(", "):
                self.assertTrue(cases.get(identifier),
                                f"no case is named {identifier}")

    def test_cases_have_a_row_that_names_them(self):
        with_golden = {cells[0] for cells in rows()
                       if "golden" in cells[3].split(", ")}
        for identifier, names in cases_by_identifier().items():
            self.assertTrue(identifier in with_golden,
                            f"docs/conformance.md has no row for {names[0]}")

    def test_met_requirements_are_tested(self):
        for identifier, _, level, tests, result in rows():
            if result == "met":
                self.assertNotEqual(tests, "-", identifier)
            if level == "MUST":
                self.assertNotEqual(result, "exception", identifier)

    def test_nearly_all_that_should_be_is(self):
        should = [cells for cells in rows() if cells[2] == "SHOULD" and
                  cells[4] in ("met", "exception")]
        met = [cells for cells in should if cells[4] == "met"]
        self.assertGreaterEqual(len(met), 0.95 * len(should))

    def test_other_tests_are_labels(self):
        for identifier, _, _, tests, _ in rows():
            for test in tests.split(", "):
                if test not in ("golden", "-"):
                    self.assertRegex(test, r"^`//[a-z/]+:[a-z0-9_]+`$", identifier)

    def test_exceptions_have_a_reason(self):
        text = PAGE.read_text(encoding="utf-8")
        for identifier, _, _, _, result in rows():
            if result == "exception":
                self.assertRegex(text, rf"(?m)^\* {re.escape(identifier)}: ")


if __name__ == "__main__":
    unittest.main()
