// Refuses user names that are reserved. `reserved` of the plugin's configuration is a list of names;
// without it, these are.
import { get } from 'tenon:plugin/config@0.1.0';
import { write } from 'tenon:plugin/log@0.1.0';

const RESERVED = ['admin', 'root', 'system'];

export const validation = {
  // A list of issues; an empty one accepts. What is thrown ends the call: the plugin has failed.
  validate(context, candidate) {
    if (context.resourceType !== 'User') return [];
    const userName = read(candidate, 'userName') ?? '';
    if (!reserved().includes(userName.toLowerCase())) return [];
    write('info', `${context.operation} of a reserved name refused`);
    return [{
      path: 'userName',
      scimType: 'invalidValue',
      detail: `The name "${userName}" is reserved.`,
    }];
  },
};

function reserved() {
  const configured = get('reserved');
  return configured == null ? RESERVED : JSON.parse(configured);
}

// The value at a SCIM path; null where there is none. Values cross the boundary as JSON text.
function read(document, path) {
  const value = document.get(path);
  return value == null ? null : JSON.parse(value);
}
