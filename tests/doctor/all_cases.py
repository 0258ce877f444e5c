"""Where does each rule speak, and where is it silent? The cases of all subjects."""

from __future__ import annotations

from tests.doctor import cases_handover, cases_node, rule_cases

FIRES = rule_cases.FIRES | cases_handover.FIRES | cases_node.FIRES
SILENT = rule_cases.SILENT | cases_handover.SILENT | cases_node.SILENT
