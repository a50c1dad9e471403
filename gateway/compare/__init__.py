"""The same cases asked of several models, prompts or routes: `cases` says what is asked and expected, `grading` what an
answer is worth, `running` runs a suite, `statistics` says what the difference is, and `capturing` makes cases of what
callers have asked.

Must never: answer a call, reach a model but through the gateway that its callers use, name a winner without an interval
and the number of cases it rests on, or compare two arms on other cases than those both of them answered.

Invariants: arms are compared case by case. A figure that cannot be had from the cases there are is refused with the
reason, never made up and never NaN.
"""
