"""The same measures by rack, hardware, age and cause; the whole fleet's are in models/evaluation."""
