"""Takes keys, seeds, PINs and tokens out of everything on its way in and out."""
