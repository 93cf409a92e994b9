"""Findings: named weaknesses that open the next round."""
