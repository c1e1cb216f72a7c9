"""Pictures: learning curves and attention maps, as PNG files and in the terminal."""
