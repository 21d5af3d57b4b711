"""HTML, plots, tables and words that reports, studies and summaries share."""
