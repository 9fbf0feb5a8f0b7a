"""What a run leaves behind: values, JSON, markdown, exit codes, progress; terminal views are pipelines/views."""
