// Runs one scenario against a broker: main.js SCENARIO HOST PORT VERSION, with 3.1, 3.1.1 or 5 as version.
//
// Ends with status 0 if all went as it must, and else says what did not.
'use strict';

const scenarios = {
    ...require('./scenarios'),
    ...require('./scenarios5'),
    ...require('./authentication'),
};

const VERSIONS = { '3.1': 3, '3.1.1': 4, 5: 5 };

const [name, host, port, version] = process.argv.slice(2);

// For the case that nothing is left to wait for, and yet it is not at its end.
process.exitCode = 1;

scenarios[name]({ host, port: Number(port), version: VERSIONS[version] }).then(
    // The library's sockets are of no interest any more.
    () => process.exit(0),
    (error) => {
        console.error(error);
        process.exit(1);
    },
);
