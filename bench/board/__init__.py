"""From rows to tables: ranking, pages, audit, history, comparisons of systems and boards, submission."""
