"""From a person's file to canonical rows: reading, checking, mapping, profiling. Light: no torch.

Way of a file: `source` (what is it?) -> `tables` (records with line numbers) -> `roles` (which column is what)
-> `rows` (canonical rows) -> `checks` (what a person should know first) -> `verbs` (Parquet and report).
"""
