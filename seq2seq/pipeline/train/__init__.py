"""train: from a prepared run to a bundle; and how long that will take."""
