"""`UserError`: the exception for a user's mistake."""


class UserError(ValueError):
    """A wrong argument, flag, file or model; the message says how to mend it.

    Programs print its message alone and end with exit code 2. Any other exception is a fault of
    the program, and keeps its traceback.
    """
