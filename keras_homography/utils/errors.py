"""The error that stands for a user's mistake."""


class UserError(ValueError):
    """An argument, flag, file or model that cannot be used; the message says how to mend it.

    Programs print its message alone and end with exit code 2. Any other exception is a fault of
    the program, and keeps its traceback.
    """
