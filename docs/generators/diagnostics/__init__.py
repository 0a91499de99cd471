"""The pictures of the page on diagnostics."""
