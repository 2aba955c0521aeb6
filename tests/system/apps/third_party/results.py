# What each test of a run of Python's own tests came to, a line each, out of the file that
# python3 -m test --junit-xml wrote. Run by third_party_python.c.
import sys
import xml.etree.ElementTree

BAD_OR_SKIPPED = ('error', 'failure', 'skipped')

for case in xml.etree.ElementTree.parse(sys.argv[1]).iter('testcase'):
    outcome = [child.tag for child in case if child.tag in BAD_OR_SKIPPED] or ['passed']
    print(case.get('name'), *outcome)
