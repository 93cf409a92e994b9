"""How a text is written: form, wholeness, figures, wording, hidden characters, length."""
