"""What a run produces: reports, JSON, Markdown, exit codes, progress; terminal views are in pipelines/views."""
