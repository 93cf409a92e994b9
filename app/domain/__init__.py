"""The product: one room per noun, each importing only rooms below it."""
