"""The language of Reliefpath: words, events, lifecycles and clinical records. Pure: no input, no output, no clock."""
