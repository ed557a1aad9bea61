"""Records in other people's formats, one file a format; docs/records-formats.md tells what each can hold."""
