"""What a person sees of a stack: what a change does, in sentences, a picture, and a page with everything."""
