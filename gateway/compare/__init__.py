"""The same cases asked of several models, prompts or routes: `cases` says what is asked and expected, `grading` what an
answer is worth, `running` runs a suite, `statistics` says what the difference is, `capturing` makes cases of what
callers have asked, and `live` compares what traffic has shown.

Must never: answer a call, reach a model but through the gateway that its callers use, name a winner without an interval
and the number of cases it rests on, or compare two arms on other cases than those both of them answered, unless chance
alone chose which of them a call went to.

Invariants: arms of a suite are compared case by case. A figure that cannot be had from the cases there are is refused
with the reason, never made up and never NaN.
"""
