"""From claims to pages: templates, sentences, layouts, pictures."""
