"""One stack's settings: files and their parents, secrets, mistakes as sentences, the schema and the reference page."""
