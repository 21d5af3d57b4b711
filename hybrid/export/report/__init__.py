"""The report of a mix: one HTML file that explains itself, drawn for people who would rather look than read.

Modules here gather what the templates in `pages/templates` draw. Charts are SVG with percentages across and pixels
down, so that they fill any width with text of one size, and take their colours from `style.css`, so that light, dark
and print need no second drawing. There is no script, no font and no request: a content security policy in the page
forbids them.
"""

from hybrid.export.report.page import report_html

__all__ = ["report_html"]
