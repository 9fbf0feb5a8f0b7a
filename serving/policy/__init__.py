"""Pure decisions from scores, costs and limits; nothing here reads, writes or acts."""
