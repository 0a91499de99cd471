"""What writes the generated pages: one module a page, each with a function ``page()``."""
