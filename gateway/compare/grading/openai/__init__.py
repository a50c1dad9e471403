"""OpenAI's graders (https://platform.openai.com/docs/guides/graders), as `testing_criteria` of evals have them.

`{{item.…}}` is the data's, `{{sample.…}}` the answer's. What is missing in the answer fails it; what is missing in the
data is an error, as no answer could have helped.
"""

from gateway.compare.grading.openai.grading import Grader, read_grader

__all__ = ["Grader", "read_grader"]
