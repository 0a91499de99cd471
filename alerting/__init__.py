"""Alert rules, their tests and runbooks; ``python -m alerting`` renders the rule files that users mount."""
