"""The protocols' rules: pure functions, with no web, database or clock in them."""
