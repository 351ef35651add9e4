"""/spend/: are we all right, and where does the money go?"""
