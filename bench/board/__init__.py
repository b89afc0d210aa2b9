"""From rows to tables: ranking, tables, page, report, audit, comparison, history, submission."""
