"""Which version runs behind a floating tag: found out in the background, for as few requests as possible."""
