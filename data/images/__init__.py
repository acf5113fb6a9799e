"""Image files: from a path in the database to pixels, never further."""
