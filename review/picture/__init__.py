"""A stack as a picture: who comes in where, who calls whom, what leaves, and what is wrong or will run out."""
