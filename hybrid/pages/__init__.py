"""HTML, plots and words that reports, studies and summaries share."""
