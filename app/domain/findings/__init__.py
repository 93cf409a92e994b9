"""Named weaknesses that open the next round."""
