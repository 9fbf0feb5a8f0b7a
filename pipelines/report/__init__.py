"""The HTML report: what it says and how it is built; what it draws is charts, what it shows is values."""
