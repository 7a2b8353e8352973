"""What a hospital configures: the settings model, the annotated example and the mappings of its centre."""
