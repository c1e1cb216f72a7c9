"""The rules between settings: what each value allows alone, two together may not."""
