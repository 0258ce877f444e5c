"""Is the documentation true?"""
