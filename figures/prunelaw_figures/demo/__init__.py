"""The interactive page: one HTML file that holds style, code and tables, and needs no server."""
